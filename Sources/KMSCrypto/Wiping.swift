import Glibc

extension [UInt8] {
    /// Zeroes the elements in place, which no compiler leaves out.
    ///
    /// It reaches only this array's own storage: an array that shares its storage would be copied first.
    mutating func wipe() {
        unsafe withUnsafeMutableBytes { bytes in
            guard let address = bytes.baseAddress else { return }
            unsafe explicit_bzero(address, bytes.count)
        }
    }
}
