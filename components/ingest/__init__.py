"""Reads rows from files and writes them as split, typed tf.Examples."""
