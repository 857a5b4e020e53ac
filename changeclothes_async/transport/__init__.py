"""How it is carried: the only floor that touches the network and the disk for one call.

Belongs here: attempts over aiohttp, limits, retries, reading pictures, fetching and saving results.
Must not: know of grids and ledgers, or decide what an answer means.
"""
