"""Hosts: Spectra within other people's frameworks."""
