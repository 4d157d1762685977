"""Media: timecode, containers, decoding to working pictures, and proxies with their contract."""
