"""What the demo serves: a small unroll site on loopback with threads written for it. Needs no network, no account."""
