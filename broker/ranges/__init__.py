"""The range protocol: which worker carries which offsets, and what happens when it dies."""
