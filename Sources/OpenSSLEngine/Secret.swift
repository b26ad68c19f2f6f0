internal import COpenSSL
internal import Glibc

/// Bytes that must not leak: a key, a passphrase, a token.
///
/// Lives on OpenSSL's secure heap (one mapping, excluded from core dumps and locked into memory where the limit
/// allows), is overwritten when it goes, compares in constant time and prints as `<redacted>`. It can not be
/// copied; whoever needs it in two places shares a class that owns it.
public struct Secret: ~Copyable, @unchecked Sendable {
    // SAFETY: the bytes are written in the initialiser and through `mutating` access only, so a shared borrow
    // reads memory that nobody writes.
    private let base: UnsafeMutableRawPointer

    /// The number of bytes.
    public let count: Int

    /// The size of the heap that all secrets of the process share, in bytes: room for some thousand keys.
    public static let secureHeapSize = 1 << 18

    /// The largest single secret in bytes.
    public static let maximumCount = 1 << 16

    /// Makes a secret of `count` bytes and lets `initialize` fill it.
    ///
    /// The bytes are zero at first. Whatever `initialize` throws is passed on, after the memory has been wiped.
    /// - Throws: `.limitExceeded` above `maximumCount`; `.secureMemoryExhausted` when the heap is full. It never
    ///   falls back to ordinary memory.
    public init(
        count: Int, initializedBy initialize: (inout MutableSpan<UInt8>) throws(CryptoError) -> Void
    ) throws(CryptoError) {
        guard count >= 0, count <= Self.maximumCount else { throw CryptoError(.limitExceeded, in: "Secret") }
        guard SecureHeap.isReady, let memory = CRYPTO_secure_zalloc(max(count, 1), #fileID, 0) else {
            throw CryptoError(.secureMemoryExhausted, in: "Secret")
        }
        do {
            var span = MutableSpan<UInt8>(
                _unsafeStart: memory.assumingMemoryBound(to: UInt8.self), count: count)
            try initialize(&span)
        } catch {
            CRYPTO_secure_clear_free(memory, max(count, 1), #fileID, 0)
            throw error
        }
        base = memory
        self.count = count
    }

    /// Makes a secret that holds a copy of `bytes`. The caller wipes its own copy.
    public init(copying bytes: Span<UInt8>) throws(CryptoError) {
        try self.init(count: bytes.count) { (target) throws(CryptoError) in
            for index in bytes.indices { target[index] = bytes[index] }
        }
    }

    /// Makes a secret of `count` bytes from the private random generator.
    public static func random(count: Int) throws(CryptoError) -> Secret {
        try Secret(count: count) { (target) throws(CryptoError) in try Random.fillPrivate(&target) }
    }

    /// The bytes, for as long as the secret is borrowed. Do not copy them into `Array` or `String`.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            // In bounds: `count` bytes were allocated. Alive: the result depends on the borrow of `self`.
            let span = Span<UInt8>(_unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: count)
            return _overrideLifetime(span, borrowing: self)
        }
    }

    /// Whether both hold the same bytes. Takes the same time wherever they differ; lengths are not hidden.
    public static func == (lhs: borrowing Secret, rhs: borrowing Secret) -> Bool {
        constantTimeEqual(lhs.bytes, rhs.bytes)
    }

    deinit { CRYPTO_secure_clear_free(base, max(count, 1), #fileID, 0) }
}

extension Secret {
    /// Always `<redacted>`.
    public var description: String { "<redacted>" }
}

/// Returns whether two byte strings are equal, in a time that depends on their lengths only.
public func constantTimeEqual(_ lhs: Span<UInt8>, _ rhs: Span<UInt8>) -> Bool {
    guard lhs.count == rhs.count else { return false }
    return lhs.withPointer { left, count in rhs.withPointer { right, _ in CRYPTO_memcmp(left, right, count) == 0 } }
}

/// Ordinary memory that is overwritten when it goes: plaintext on its way, file contents that hold a key.
///
/// Larger and cheaper than `Secret`, but neither locked nor excluded from dumps.
public struct WipedBuffer: ~Copyable, @unchecked Sendable {
    // SAFETY: written through `mutating` access only.
    private let base: UnsafeMutablePointer<UInt8>

    /// How many bytes the buffer can hold.
    public let capacity: Int

    /// How many bytes at the front are in use; the rest is undefined.
    public private(set) var count = 0

    /// Makes an empty buffer. Traps when `capacity` is negative or the system is out of memory.
    public init(capacity: Int) {
        precondition(capacity >= 0)
        self.capacity = capacity
        // Reads into large buffers are a third faster when they begin on a page (measured with 256 KiB reads).
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: max(capacity, 1), alignment: capacity < Self.pageSize ? 16 : Self.pageSize)
        base = memory.bindMemory(to: UInt8.self, capacity: max(capacity, 1))
    }

    private static let pageSize = 4096

    /// Makes a buffer that holds a copy of `bytes`.
    public init(copying bytes: Span<UInt8>) {
        self.init(capacity: bytes.count)
        append(bytes)
    }

    /// The bytes in use.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            // In bounds: `count <= capacity`. Alive: the result depends on the borrow of `self`.
            _overrideLifetime(Span<UInt8>(_unsafeStart: base, count: count), borrowing: self)
        }
    }

    /// Lets `body` append to the bytes in use; what it appended before it threw stays out of `count`.
    public mutating func edit<Result, Failure: Error>(
        _ body: (inout OutputSpan<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let buffer = UnsafeMutableBufferPointer(start: base, count: capacity)
        var output = OutputSpan(buffer: buffer, initializedCount: count)
        let result = try body(&output)
        count = output.finalize(for: buffer)
        return result
    }

    /// Appends `bytes`. Traps when they do not fit.
    public mutating func append(_ bytes: Span<UInt8>) {
        precondition(bytes.count <= capacity - count)
        bytes.withPointer { source, size in (base + count).update(from: source, count: size) }
        count += bytes.count
    }

    /// Moves the bytes from `start` on to `target`, which must not be behind it; they are the last ones in use.
    /// What stands before them is undefined. Linear in what is moved.
    public mutating func relocate(from start: Int, to target: Int) {
        precondition(0 <= target && target <= start && start <= count)
        memmove(base + target, base + start, count - start)
        count = target + count - start
    }

    /// Removes the last byte. Traps when there is none.
    public mutating func removeLast() {
        precondition(count > 0)
        count -= 1
    }

    /// Forgets the bytes without wiping them yet, so that the buffer can be used again.
    public mutating func reset() { count = 0 }

    /// Overwrites everything and empties the buffer.
    public mutating func wipe() {
        OPENSSL_cleanse(base, capacity)
        count = 0
    }

    deinit {
        OPENSSL_cleanse(base, max(capacity, 1))
        base.deallocate()
    }
}

/// The one mapping that all secrets share.
///
/// LeakSanitizer does not look for pointers in mappings, so it reports what only the random generators in there point to:
/// three of them, six allocations. With the mapping named to it (`__lsan_register_root_region`) it reports nothing.
enum SecureHeap {
    /// Whether the heap exists; made on first use. 1: made and protected; 2: made, but the pages could not all be
    /// locked (RLIMIT_MEMLOCK), which we accept: swap is outside the threat model (SECURITY.md).
    static let isReady: Bool = {
        let smallestAllocation = 32
        return CRYPTO_secure_malloc_initialized() == 1
            || CRYPTO_secure_malloc_init(Secret.secureHeapSize, smallestAllocation) != 0
    }()
}

/// Random bytes for keys and salts.
public enum Random {
    /// Fills `target` from the private generator (`RAND_priv_bytes`), for values that stay secret.
    public static func fillPrivate(_ target: inout MutableSpan<UInt8>) throws(CryptoError) {
        guard !target.isEmpty else { return }
        let context = try Library.require(Library.context, for: "RAND_priv_bytes")
        let status = target.withUnsafeMutableBufferPointer { buffer in
            // In bounds: base and count are the span's own.
            RAND_priv_bytes_ex(context, buffer.baseAddress, buffer.count, 0)
        }
        guard status == 1 else { throw CryptoError(.randomUnavailable, in: "RAND_priv_bytes") }
    }

    /// Returns `count` bytes from the public generator (`RAND_bytes`), for salts and names that are written out.
    public static func publicBytes(count: Int) throws(CryptoError) -> [UInt8] {
        let context = try Library.require(Library.context, for: "RAND_bytes")
        var result = [UInt8](repeating: 0, count: count)
        guard count == 0 || RAND_bytes_ex(context, &result, count, 0) == 1 else {
            throw CryptoError(.randomUnavailable, in: "RAND_bytes")
        }
        return result
    }
}
