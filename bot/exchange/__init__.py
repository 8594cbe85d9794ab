"""What other programs, and this one elsewhere, write of whom somebody follows: read and written. Pure, all of it."""
