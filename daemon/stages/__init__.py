"""The stations of the line, one file each; `daemon.pipeline` puts them in order."""
