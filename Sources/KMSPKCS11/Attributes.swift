import CPKCS11
import Glibc

/// An attribute of an object in a token, and the value that it has or is to have.
struct Attribute {
    let type: ck_attribute_type_t
    let value: [UInt8]

    static func flag(_ type: ck_attribute_type_t, _ value: Bool) -> Attribute {
        Attribute(type: type, value: [value ? 1 : 0])
    }

    static func number(_ type: ck_attribute_type_t, _ value: UInt) -> Attribute {
        Attribute(type: type, value: unsafe withUnsafeBytes(of: value) { unsafe Array($0) })
    }

    static func text(_ type: ck_attribute_type_t, _ value: String) -> Attribute {
        Attribute(type: type, value: Array(value.utf8))
    }

    /// Lends `attributes` as the standard has them for the duration of `body`.
    static func withTemplate<Result>(
        _ attributes: [Attribute], _ body: (UnsafeMutablePointer<ck_attribute>?, UInt) throws(TokenFailure) -> Result
    ) throws(TokenFailure) -> Result {
        // Each value begins at a multiple of eight: modules read numbers where they stand.
        let room = attributes.map { ($0.value.count + 7) & ~7 }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: room.reduce(8, +), alignment: 8)
        defer {
            // One of the values may be a secret.
            if let address = memory.baseAddress { unsafe explicit_bzero(address, memory.count) }
            unsafe memory.deallocate()
        }
        var template: [ck_attribute] = unsafe []
        var position = 0
        for (attribute, room) in zip(attributes, room) {
            let place = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[position...])
            unsafe place.copyBytes(from: attribute.value)
            unsafe template.append(
                ck_attribute(
                    type: attribute.type, value: place.baseAddress, value_len: UInt(attribute.value.count)))
            position += room
        }
        let result: Swift.Result<Result, TokenFailure> = unsafe template.withUnsafeMutableBufferPointer { buffer in
            Swift.Result { () throws(TokenFailure) in try unsafe body(buffer.baseAddress, UInt(buffer.count)) }
        }
        return try result.get()
    }
}
