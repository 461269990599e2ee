import Glibc

/// What the program writes where people read it: whole, at once, and without an end of the process when nobody can.
enum Output {
    /// - Returns: Whether all of it was written; `errno` says why not.
    static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32) -> Bool {
        let bytes = Array(bytes)
        var position = 0
        while position < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: position), $0.count - position)
            }
            guard count > 0 || count < 0 && errno == EINTR else { return false }
            position += max(count, 0)
        }
        return true
    }
}

/// Says on standard output what was done, for whoever reads it: it is done also when that cannot be written.
func announce(_ line: String) {
    _ = Output.write("\(line)\n".utf8, to: STDOUT_FILENO)
}

/// Says on standard output what a command was asked for.
///
/// - Throws: ``CommandFailure`` when that cannot be written.
func say(_ line: String) throws(CommandFailure) {
    guard Output.write("\(line)\n".utf8, to: STDOUT_FILENO) else {
        throw CommandFailure.operation("cannot write to standard output: \(String(cString: strerror(errno)))")
    }
}
