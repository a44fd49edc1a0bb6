"""Scores of sequence tasks: sources with their references, the answers of models, and what tells of both."""
