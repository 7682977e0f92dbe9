"""A deterministic simulation of fjd, in the manner of FoundationDB.

The real worker, dispatcher and recruiter run in one process, each in a
greenlet of its own, on hosts that share a simulated file server.  What they
call of the operating system goes to the simulation, which draws from a seed
how long each call takes, what is cached, what fails, who dies and when.  So
a seed is a whole story of a cluster, the same one each time.

    server    the files, as the file server has them
    client    what a host makes of them: caches, errors; a stand-in for os
    world     time, hosts, processes
    faults    what goes wrong, and when
    roles     the programs in bin/, and the user
    checks    what must hold after every change of a file, and at the end
    claims    what a dispatcher says, compared with the files at that moment
    story     draws who takes part, and tells one seed from beginning to end
    limits    workers that leave by themselves, and slots
    bugs      mistakes in the protocol that the simulation has to find
"""
