"""What came out: cells, tables, a contact sheet, a gallery.

Belongs here: everything that is looked at when a run is done.
Must not: send, claim, or change a ledger.
"""
