internal import CSealing

/// What a process that handles keys does first.
public enum ProcessHardening {
    /// Makes the process leave no core dump, and its memory closed to other processes of the same user.
    ///
    /// Children do not inherit keys either: the toolkit opens every descriptor close-on-exec, and exec replaces memory.
    /// - Parameter ofChildren: Whether programs that it starts may not leave cores either. Nobody but root can permit it to
    ///   them again.
    /// - Throws: `.inputOutput` when the system refuses.
    public static func forbidDumps(ofChildren: Bool = true) throws(SealingError) {
        let failure = pm_forbid_dumps(ofChildren ? 1 : 0)
        guard failure == 0 else { throw .system("prctl or setrlimit", failure) }
    }
}
