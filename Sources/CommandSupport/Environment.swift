internal import CPlatform
internal import Glibc

/// The environment of this process.
package enum Environment {
    /// The value of one variable as text.
    package static subscript(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// Every variable as `NAME=value`, in bytes.
    package static var entries: [[UInt8]] {
        guard var entry = pm_environment() else { return [] }
        var result: [[UInt8]] = []
        while let text = entry.pointee {
            result.append(Array(UnsafeRawBufferPointer(start: text, count: strlen(text))))
            entry += 1
        }
        return result
    }

    /// Calls `body` with every variable, in the order of the environment. Values are bytes: nobody promises UTF-8.
    package static func forEach(_ body: (_ name: String, _ value: [UInt8]) -> Void) {
        guard var entry = pm_environment() else { return }
        while let text = entry.pointee {
            let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
            if let equals = bytes.firstIndex(of: UInt8(ascii: "=")) {
                body(String(decoding: bytes[..<equals], as: UTF8.self), Array(bytes[(equals + 1)...]))
            }
            entry += 1
        }
    }
}
