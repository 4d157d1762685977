"""Where SQL may stand: in the store, over the database's own list of migrations, and in the migrations."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import daemon

HOUSE = Path(daemon.__file__).parent
VERBS = r"select\b.+\bfrom|insert (or \w+ )?into|update \w+ set|delete from|create table|begin \w+$|pragma"
SQL = re.compile(rf"\s*({VERBS})\b")


def spoken(path: Path) -> list[str]:
    """Every text in a file's code that reads like SQL."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [text for text in texts if SQL.match(text)]


def test_sql_stands_in_the_store_and_nowhere_else():
    speaking = {path.relative_to(HOUSE).as_posix() for path in HOUSE.rglob("*.py") if spoken(path)}
    parts = {"learning.py", "sounding.py", "queueing.py", "restraining.py", "dispatching.py"}
    parts |= {"noticing.py", "overseeing.py"}
    assert speaking == {"store.py", "database.py"} | parts


def test_the_database_knows_no_table_but_its_migrations():
    tables = {
        table for text in spoken(HOUSE / "database.py") for table in re.findall(r"(?:from|into|exists) (\w+)", text)
    }
    assert tables == {"migrations"}
