import GRDB
import KMSStore

extension StoreError {
    /// What a failure inside the engine means to the callers of the store.
    init(_ failure: any Error) {
        switch failure {
        case let error as StoreError: self = error
        case let error as DatabaseError: self.init(sqlite: error)
        default: self = .corrupt("\(failure)")
        }
    }

    /// GRDB's description has the statement but not its arguments, so no stored value gets into a log.
    private init(sqlite error: DatabaseError) {
        switch error.extendedResultCode {
        case .SQLITE_CONSTRAINT_FOREIGNKEY, .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_UNIQUE:
            self = .conflict
            return
        default: break
        }
        switch error.resultCode {
        case .SQLITE_NOTADB: self = .wrongFormat("\(error)")
        case .SQLITE_CORRUPT, .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_ERROR: self = .corrupt("\(error)")
        default: self = .unavailable("\(error)")
        }
    }
}

extension Result where Failure == StoreError {
    /// What `work` answers, with its failure in the store's own terms.
    static func refusing(_ work: () throws -> Success) -> Self {
        Result<Success, any Error>(catching: work).mapError { StoreError($0) }
    }
}
