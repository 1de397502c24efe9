package journal

// NoteDelay is [noteDelay].
const NoteDelay = noteDelay
