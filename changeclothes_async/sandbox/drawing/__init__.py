"""Pictures that the sandbox makes, of photographs and of nothing, with OpenCV (an extra).

Belongs here: people, garments and cloth as pixels.
Must not: know of requests, accounts or the network.
"""
