"""Production sound: sound files read, brought in sync with a camera's own, and mixed to a guide."""
