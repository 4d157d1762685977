"""Colour: from a camera's log to the show's look, scene-referred, by one pinned OpenColorIO config."""
