"""The enhancements, one file each: a picture in, a picture out, a dial that at zero changes nothing."""
