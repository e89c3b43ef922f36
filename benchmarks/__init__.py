"""Measurements, run by hand: `make bench`. Nothing of the product imports them."""
