// Package sshexec makes OpenSSH-grade connections from Go and fans work out
// over many hosts. Start with [New], then [Client.Connect], [Conn.Shell] or
// [Conn.Run]; [Each] works on a fleet, [Retry] repeats what may pass.
//
// # What surprised us
//
// x/crypto/ssh negotiates the host key's type without a look at known_hosts,
// so a known host may seem to have changed its key (golang/go#29286); its
// ClientConfig.Timeout covers the TCP connection only (golang/go#15113);
// closing a channel does not end a pending Read until the peer agrees, so
// whoever wants an end closes the whole connection; its channels know no
// deadlines; the error of a refused command repeats the command; and its
// authentication failures have no type, which is why we choose the methods
// ourselves, one key at a time, through ClientConfig.AuthCallback.
//
// sshd counts every key that is offered as a try (MaxAuthTries, 6), drops
// connections that have not logged in beyond ten (MaxStartups), and tells
// "refused" and "no such name" of a forwarded connection apart by text alone.
//
// dash reads its script ahead of running it: whatever follows on the same
// standard input must wait until the script has asked for it.
package sshexec
