"""Static catalogs of the sky: what is loaded, how, and where it is matched."""
