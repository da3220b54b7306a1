"""The alert flow, top to bottom: decode, crossmatch, merge, gate, classify, photstats, encode, store, publish."""
