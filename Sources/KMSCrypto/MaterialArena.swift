import CSodium
import KMSModel
import Synchronization

/// Guarded memory for many short secrets: one allocation, divided into slots.
///
/// An allocation of its own for each key would cost four pages and a system call; this costs 128 bytes.
///
/// `@unchecked Sendable`: a slot is written only by whoever took it off the free list, before it hands the slot out, and
/// zeroed only by the `deinit` of its last holder. The free list itself is behind a lock.
@safe final class MaterialArena: @unchecked Sendable {
    /// The longest secret that a slot holds, in bytes: that of an imported HMAC key.
    static let slotByteCount = 128

    private let memory: UnsafeMutableRawBufferPointer
    private let slotCount: Int
    private let free: Mutex<[Int]>

    /// Whether the system let the memory be locked; without that it may be swapped to disk.
    let isLocked: Bool

    /// - Throws: ``CryptoFailure/unavailable`` when the system gives no memory.
    init(slotCount: Int) throws(CryptoFailure) {
        let byteCount = slotCount * Self.slotByteCount
        guard Sodium.isReady, let address = unsafe sodium_malloc(byteCount) else { throw .unavailable }
        unsafe sodium_memzero(address, byteCount)
        unsafe memory = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
        isLocked = unsafe sodium_mlock(address, byteCount) == 0
        self.slotCount = slotCount
        free = Mutex(Array((0..<slotCount).reversed()))
    }

    deinit { unsafe sodium_free(memory.baseAddress) }

    /// Takes a slot of `count` bytes and lets `body` fill it.
    ///
    /// - Throws: ``CryptoFailure/unavailable`` when every slot is in use; what `body` throws, with the slot zeroed and free.
    func store(
        count: Int, filledBy body: (UnsafeMutableRawBufferPointer) throws(CryptoFailure) -> Void
    ) throws(CryptoFailure) -> OpenMaterial {
        guard count <= Self.slotByteCount, let slot = free.withLock({ $0.popLast() }) else { throw .unavailable }
        let material = OpenMaterial(arena: self, slot: slot, count: count)
        try unsafe body(bytes(of: slot, count: count))
        return material
    }

    fileprivate func release(_ slot: Int) {
        unsafe sodium_memzero(bytes(of: slot, count: Self.slotByteCount).baseAddress, Self.slotByteCount)
        free.withLock { $0.append(slot) }
    }

    fileprivate func bytes(of slot: Int, count: Int) -> UnsafeMutableRawBufferPointer {
        let start = slot * Self.slotByteCount
        return unsafe UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + count])
    }

    /// How many slots somebody holds.
    var slotsInUse: Int { slotCount - free.withLock { $0.count } }

    /// How many slots hold a byte that is not zero.
    ///
    /// It reads slots that others may be writing, so it is exact only while nobody is.
    var slotsWithContents: Int {
        (0..<slotCount).count { slot in
            unsafe bytes(of: slot, count: Self.slotByteCount).contains { $0 != 0 }
        }
    }
}

/// Key material that has been opened and is in use; its slot is zeroed when the last holder lets go.
final class OpenMaterial: Sendable {
    private let arena: MaterialArena
    let slot: Int
    private let count: Int

    fileprivate init(arena: MaterialArena, slot: Int, count: Int) {
        self.arena = arena
        self.slot = slot
        self.count = count
    }

    /// Lends the bytes for the duration of `body`, which must not keep the pointer.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafeRawBufferPointer(arena.bytes(of: slot, count: count)))
    }

    deinit { arena.release(slot) }
}
