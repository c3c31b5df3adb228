"""How a rule is run over arrays: NumPy in cache-sized blocks, or compiled loops on a few threads; equal to the bit."""
