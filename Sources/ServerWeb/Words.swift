internal import RunModel
internal import RunPlayback
internal import ServerKit

/// A time as pages carry it: for programs, and for people without scripts.
struct Moment {
    /// RFC 3339.
    let machine: String
    /// `2026-01-31 12:34 UTC`
    let text: String

    init(_ time: ServerKit.Timestamp) {
        machine = time.text
        text = machine.prefix(10) + " " + machine.dropFirst(11).prefix(5) + " UTC"
    }
}

extension ServerKit.Timestamp {
    /// The beginning of a day in UTC, from `2026-01-31`.
    init?(day: String) {
        guard let time = RunModel.Timestamp(day + "T00:00:00.000000Z") else { return nil }
        self.init(milliseconds: Int64(time.microseconds / 1000))
    }
}

extension String {
    /// Nil for the empty text, so that a section of a template is left out.
    var nonEmpty: String? { isEmpty ? nil : self }
}

extension ServerKit.Run {
    /// How long it took, or has taken until `now`.
    func duration(now: ServerKit.Timestamp) -> String {
        let begin = description.started ?? created
        let end = summary.ended ?? now
        return Quantity.duration(Int(clamping: max(0, end.milliseconds - begin.milliseconds)) * 1000)
    }

    /// `0.0123 USD + 1.00 EUR`
    var costs: String {
        summary.costs.sorted { $0.key < $1.key }.map { Quantity.money(Int(clamping: $0.value), $0.key) }.joined(
            separator: " + ")
    }
}
