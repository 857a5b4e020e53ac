"""Secrets on their way to one agent, sealed: dask at DEBUG writes down all that passes.

The way is TLS already; this is against logs on both its ends, and whoever reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from changeclothes_async import errors

try:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError:  # dask does not bring it, and all else of a cluster comes after this
    raise errors.missing_extra("A cluster needs cryptography", "cluster") from None

_NONCE = bytes(12)  # the same one each time, since each key is used once


@dataclass(frozen=True, slots=True)
class Sealed:
    """What only the lock can open that it was sealed for."""

    public: bytes = field(repr=False)
    content: bytes = field(repr=False)


class Lock:
    """Opens what was sealed with its public half."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()

    @property
    def public(self) -> bytes:
        """What anybody may see."""
        return self._private.public_key().public_bytes_raw()

    def opened(self, sealed: Sealed) -> bytes:
        """Return what was sealed."""
        return _cipher(self._private, sealed.public).decrypt(_NONCE, sealed.content, None)


def sealed(content: bytes, public: bytes) -> Sealed:
    """Seal something for the lock with this public half."""
    private = X25519PrivateKey.generate()
    cipher = _cipher(private, public)
    return Sealed(private.public_key().public_bytes_raw(), cipher.encrypt(_NONCE, content, None))


def _cipher(private: X25519PrivateKey, public: bytes) -> ChaCha20Poly1305:
    shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    return ChaCha20Poly1305(HKDF(SHA256(), 32, None, b"changeclothes secrets").derive(shared))
