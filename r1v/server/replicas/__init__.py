"""Several copies of a model, each in a server process of its own, behind one address.

Enters: HTTP requests. Leaves: what the copy answered that a request was sent to. A copy runs the same app as
a server without copies; what stands in front of them holds no model and reads of a request only what says
which copy has already seen its beginning.
"""

from r1v.server.replicas.front import serve_replicas
from r1v.server.replicas.process import Replica, ReplicaCommand
from r1v.server.replicas.routing import Router, routing_keys

__all__ = ["Replica", "ReplicaCommand", "Router", "routing_keys", "serve_replicas"]
