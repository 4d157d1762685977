"""What the configuration says of the status page."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from daemon.section import Folder, Section


def _address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError("an IP address such as 127.0.0.1 or 10.0.0.5 is needed") from None
    return text


class PageSection(Section):
    """The status page."""

    bind: Annotated[str, AfterValidator(_address)] = Field(
        "127.0.0.1", description="Address to listen on; any but this machine's own needs TLS, tokens and names."
    )
    port: int = Field(8080, ge=1, le=65535, description="Port to listen on.")
    names: list[str] = Field([], description="Names that browsers call it by, where they do not use its address.")
    certificate: Folder | None = Field(None, description="TLS certificate chain, PEM.")
    key: Folder | None = Field(None, description="Its private key, PEM, not encrypted.")
    operator_token: Folder | None = Field(None, description="File with the token of who may change things.")
    viewer_token: Folder | None = Field(None, description="File with the token of who may only look, such as editors.")

    @property
    def is_local(self) -> bool:
        """Whether it listens to this machine alone."""
        return ip_address(self.bind).is_loopback

    @model_validator(mode="after")
    def _is_guarded(self) -> PageSection:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key are needed together")
        if self.viewer_token and not self.operator_token:
            raise ValueError("a viewer_token needs an operator_token: else everyone may change things")
        lacks = [name for name in ("certificate", "key", "operator_token") if getattr(self, name) is None]
        if not self.is_local and lacks:
            raise ValueError(f"off loopback the page needs {', '.join(lacks)}")
        if ip_address(self.bind).is_unspecified and not self.names:
            raise ValueError("an address of every interface needs names: by what browsers call it")
        return self
