// Package nodefile reads and replaces config.json on a node, through a shell
// that somebody else has started there ([sshexec.Process]).
//
// One exchange has at most two round trips however many files it covers: the
// script and its arguments go out and the present files come back; then the
// new contents go out and the outcome comes back. [Apply] does that with a
// function that computes the new content, [Read] stops after the first half,
// [Restore] undoes what one run wrote.
//
// What the node is promised:
//
//   - A stream cut anywhere runs nothing: the script is one function and the
//     line that calls it is one compound command, complete only with its last
//     byte.
//   - Killed at any instant, a file is the old one or the new one: the new
//     content is written beside it with mode 0600, synced, its SHA-256
//     checked, then renamed. Only a file that is itself a mount point cannot be
//     renamed over and is written in place by one write call, after a backup.
//   - Before the rename the old file's digest is compared with what was read,
//     so somebody else's change in between is not lost but reported.
//   - No content passes through an argument, an environment, a shell variable
//     or a file that others may read.
//
// Beside the file PATH stand, all with mode 0600 and named so that no reader of
// config.json takes them for one:
//
//   - PATH.oreg-RUN, the previous content, byte for byte;
//   - PATH.oreg-RUN.state, what the run found and wrote, for [Restore];
//   - PATH.oreg-RUN.tmp, for moments; the next run removes those of dead runs.
//
// Mode and owner. A file that oreg writes is 0600. Its owner is kept: somebody
// gave it away on purpose (docker login as another user), and taking it back
// would cut that reader off. Reading never changes it either; but an owner
// other than the user that oreg works as (root) can read the credentials of the
// cluster, so Present.Findings reports it. A looser mode is tightened even if the
// content is right, without writing the file anew: its readers are its owner
// and root, neither of which needs more. A folder is tightened to 0700 only if
// it is named ".docker"; any other may be shared with something else.
//
// What surprised us: dash reads its script in blocks, so that anything sent
// before the script asked for it is run as commands; and it runs the last line
// of a stream that ends without a line end, so that a bare call could run with
// half of its arguments. rename(2) onto a mount point is EBUSY. mv(1) onto a
// folder moves into it. mkdir -p -m gives the mode to the last folder only.
package nodefile
