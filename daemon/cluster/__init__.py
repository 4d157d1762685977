"""More than one box: jobs go to the nodes of a Ray cluster, too. The database on the head stays the only truth.

    nodefile    what a machine says of itself in a cluster: its address, token, lanes, whose data it takes
    raylet      Ray's own processes on this machine, kept up
    facts       versions and means of a machine, and what keeps it from work
    mapping     paths of the head, as they are on a node
    freight     small files that a job needs, carried by the digest of their bytes
    hand        on a node: one child, and the word it gives                       [Ray actor]
    driver      what a process needs that speaks Ray for the head
    ferry       on the head: a line to each hand, a list of all nodes             [process of its own, Ray's driver]
    fleet       in the control process: berths for children on nodes; no Ray here
    reaching    all nodes asked for something once: what they hold of a production is destroyed

A job goes from the control process through the ferry to a hand, and its answer back; what it staged lies in a folder of
that try alone on the shared volume, until the control process takes it in.
"""
