/// Values for tests: made up, and written in two parts so that our own scan of this repository finds nothing.
enum Samples {
    static let token = "gh" + "p_x7Kd92LmQp4RtVw8ZbNc3FgHj6YsAe" + "1UiOo5"
    static let mark = "[REDACTED:github-pat]"
    /// Eight bytes that no rule knows.
    static let knownValue = "blue" + "-owl"

    /// A line as a program might print it.
    static func line(_ number: Int) -> String {
        "2026-03-04T10:40:\(10 + number % 50) worker[\(number)]: processed request \(number * 7) in \(number % 90) ms\n"
    }
}
