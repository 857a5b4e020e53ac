"""How it is carried: real sockets on loopback, loop time instead of waiting."""
