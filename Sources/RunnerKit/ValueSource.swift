package import RedactionKit

/// Somebody who learns values while a command runs, and does not use one before the scrubbing process knows it.
package protocol ValueSource: AnyObject, Sendable {
    /// What to wait for; nil: nothing comes any more.
    var descriptor: Int32? { get }
    /// All values that came so far: a later command's scrubbing process starts with them.
    var received: [KnownValue] { get }
    /// Takes what has come, without waiting.
    func receive() -> [KnownValue]
    /// Says that a value is masked from now on.
    func acknowledge()
}
