"""Several copies of a model, each in a server process of its own, behind one address.

Enters: HTTP requests. Leaves: the answer of the copy to which a request was sent. A copy runs the same app as
a server without copies. The process in front of them holds no model; of a request it reads only what is
needed to find the copy that has already seen its beginning.
"""

from r1v.server.replicas.front import serve_replicas
from r1v.server.replicas.process import Replica, ReplicaCommand
from r1v.server.replicas.routing import Router, routing_keys

__all__ = ["Replica", "ReplicaCommand", "Router", "routing_keys", "serve_replicas"]
