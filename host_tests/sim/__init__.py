"""A deterministic world for the unchanged library: sockets, poll, clock, threads and RingIO are simulated, time is virtual.

world.py     who runs next: tasks, locks, the clock, faults by seed, the trace's hash
net.py       the network of a board and the peers on its other side
modules.py   what the library imports: socket, select, time, _thread, errno, gc, sys, micropython
loader.py    the library, loaded for a profile, with points where its threads may be interrupted; and with a mutation
profiles.py  the rules of a platform
flash.py     the file system, and a scene that uses it
peers.py     clients, healthy or not
checks.py    what must hold at every step
scenario.py  what happens in a run: a server, its clients, threads and jobs, and how all of it ends
secure.py    the module `tls`, and scenes with a server that uses it: the seeds from 1,000,000 on
everyday.py  the everyday MQTT client, at the broker of broker.py
fleet.py     several boards and their broker, fleet_broker.py
stalled.py   peers that take nothing and programs that pause, beside a healthy client
mutate_ast.py  how a function is broken: patterns of what changes in it
mutations.py   ways to break the library, each of which some seed notices
run.py       the command: python -m host_tests.sim.run --help

A run is a function of (profile, seed). Nothing in it may depend on real time, on hashes of str or id(), or on earlier runs.
"""
