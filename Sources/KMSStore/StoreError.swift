/// Why a store refused.
///
/// The texts come from the engine and the operating system and may name files: they are for the log of the server,
/// never for a caller. They contain no stored values.
package enum StoreError: Error, Sendable {
    /// What is stored is not what the change was made from. Nothing was written.
    ///
    /// A version differs, a record to be changed is gone, one to be inserted is there already, or the key that an
    /// alias or a material belongs to does not exist.
    case conflict
    /// The store cannot work at present: the disk fails, the file is locked or cannot be opened, it is closed. What was to be
    /// written may have been.
    case unavailable(String)
    /// The store cannot work at present, and it is certain that nothing was written.
    case undone(String)
    /// What is stored is damaged.
    case corrupt(String)
    /// The file is not a store of this program, or was written by a newer version of it. It was not changed.
    case wrongFormat(String)

    /// Whether it is certain that nothing was written.
    package var isUndone: Bool {
        switch self {
        case .conflict, .undone: true
        case .unavailable, .corrupt, .wrongFormat: false
        }
    }

    /// Whether reading again and making the change anew can help.
    package var isConflict: Bool {
        if case .conflict = self { true } else { false }
    }
}
