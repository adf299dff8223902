"""Shapes of answers and bodies of requests, by noun. Plain serializers: none of them writes."""
