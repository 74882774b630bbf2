"""A trained model, opened: what it computed, searched and decided for one sentence.

``trace`` gathers it; terminal.py, pictures.py and page/ show it.
"""
