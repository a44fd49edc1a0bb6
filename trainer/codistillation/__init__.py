"""Codistillation: replicas of a training that learn from each other's stale predictions.

`exchange` carries weights between them, `peers`, `teaching` and `teacher` are the term in the compiled step,
`companion` is what the loop calls between its blocks. Nothing is imported here: who only exchanges needs no
Keras.

Reference: Anil et al., 2018, arXiv:1804.03235.
"""
