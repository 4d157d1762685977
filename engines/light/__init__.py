"""The light in a picture: its illumination told from its reflectance, and what is done to it."""
