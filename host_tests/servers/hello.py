# The smallest server: answers each connection with a line and closes it. For the tests of the tests.

import os
import select
import socket

sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind(socket.getaddrinfo(os.getenv("HOST"), int(os.getenv("PORT")))[0][-1])
sock.listen(5)
poll = select.poll()
poll.register(sock, select.POLLIN)
print("listening on port", os.getenv("PORT"))
while True:
    for _ in poll.ipoll(1000):
        client = sock.accept()[0]
        client.write("hello from " + os.getenv("APP", "nobody"))
        client.close()
