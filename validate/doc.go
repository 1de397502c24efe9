// Package validate answers one question: does this credential open this
// image, and if not, why? It changes nothing, and presents a wrong password
// once.
//
// [New] makes a [Checker] for a whole run; [Checker.Check] asks all registries
// at once, and [Checker.Probe] asks without a credential whether a registry
// can be reached from a node. The [Result] separates two facts, login and
// pull, because most tools that mix them are wrong in one direction or the
// other: a check against a public image succeeds whatever the password is, and
// a missing test image looks like a bad login.
//
// What surprised us decides how the package is built:
//
//   - The handshake is our own over net/http, while go-containerregistry parses
//     (names, challenges, error bodies, media types, digests). Its remote
//     package cannot tell the facts apart: transport.NewWithContext succeeds
//     with a wrong password against a Basic registry and against one whose
//     /v2/ is open, its token exchange presents the login as often as it likes,
//     and it falls back to plain HTTP for loopback and private addresses, with
//     the password.
//   - A registry that answers 200 at /v2/ proves nothing, and one that asks for
//     a login there may still hand out its images to everybody. Hence the
//     anonymous request first, and "inconclusive" as a verdict of its own.
//   - net/http sends a request again by itself when a kept-alive connection
//     dies under it. A login that is not yet accepted therefore travels on a
//     connection of its own: directories lock accounts.
//   - HEAD saves the pull quota of Docker Hub but carries no reason, and some
//     servers refuse it. Hence HEAD, and GET only for what HEAD left open.
//   - A token server may refuse the scope with the same 401 that it uses for a
//     wrong password. Hence the login is proved without any scope, and only
//     then a token for the repository is asked for.
package validate
