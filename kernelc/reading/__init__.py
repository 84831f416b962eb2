"""Read the networks people have: models of other frameworks as networks of this package."""

from ._answer import Answer as Answer
from ._read import ReadNetwork as ReadNetwork, read as read
