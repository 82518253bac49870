"""Datagrams as they come in: read in bursts, kept in order, held for their time."""
