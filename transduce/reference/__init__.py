"""The equations of encoder-decoder networks in NumPy, one a line, and their gradients by hand.

Nothing here is fast, and nothing is hidden: one sentence at a time, one step at a time, every
intermediate kept under its name. ``models/rnn.py`` computes the same numbers for whole batches.

    activation.py   sigma: tanh, relu, sigmoid, identity; softmax
    recurrent.py    the plain encoder and decoder: h_t = sigma(W_xh x_t + W_hh h_{t-1} + b_h)
    gated.py        LSTM, GRU with the reset gate before and behind the product
    attention.py    dot, scaled dot, general and additive scores, alpha, context
    loss.py         squared error, softmax cross-entropy, label smoothing
    seq2seq.py      all of it together: embeddings, layers, both directions, bridge, attention, output
    compare.py      the first named quantity and step in which two computations differ

How to read: vectors are columns, ``W @ x`` is the product of the equations. ``dh`` is dL/dh, the
gradient of the loss L with respect to h, shaped as h is. A name that ends in ``_prev`` is the value
of the step before. Every step returns what it computed; every ``..._backward`` takes that and dL/d
of the step's results, and returns dL/d of what went in.
"""
