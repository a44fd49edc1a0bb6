"""Brings a blessed model into the serving directory, atomically, and takes it back."""
