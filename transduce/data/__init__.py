"""From files to numbers: readers, data report, tokenizers, corpora, batches. No torch here."""
