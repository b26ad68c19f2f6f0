package import NIOCore
package import NIOHTTPTypes

/// Closes connections that make the server wait: a request body that does not arrive, a reader that does not read.
///
/// Hummingbird's `idleTimeout` covers connections that are silent between requests, slow headers among them, and is off by
/// default. A body that trickles in, a byte at a time, would last for ever, and so would an answer that nobody takes. And after an
/// answer that refuses a body Hummingbird reads the rest of it, however long that is; here it gets `drainTime`.
package final class PaceHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias InboundOut = HTTPRequestPart
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPResponsePart

    /// How long a body may take from its head to its end.
    private let bodyTime: TimeAmount
    /// How long written bytes may wait without any of them leaving.
    private let stallTime: TimeAmount

    private var bodyDeadline: Scheduled<Void>?
    /// Requests whose head has come and whose end has not.
    private var isReading = false
    private var stallCheck: Scheduled<Void>?
    /// Writes that have not left.
    private var waiting = 0
    /// When one last left.
    private var progress = NIODeadline.now()

    package init(bodyTime: Duration, stallTime: Duration) {
        self.bodyTime = TimeAmount(bodyTime)
        self.stallTime = TimeAmount(stallTime)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            isReading = true
            closeLater(context, in: bodyTime)
        case .body: break
        case .end:
            isReading = false
            bodyDeadline?.cancel()
            bodyDeadline = nil
        }
        context.fireChannelRead(data)
    }

    /// How long a sender may go on with a body after its answer: enough to read that, and to end what is nearly sent.
    private static let drainTime = TimeAmount.seconds(1)

    private func closeLater(_ context: ChannelHandlerContext, in time: TimeAmount) {
        bodyDeadline?.cancel()
        let channel = context.channel
        bodyDeadline = context.eventLoop.scheduleTask(in: time) { channel.close(mode: .all, promise: nil) }
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isReading, case .end = unwrapOutboundIn(data) { closeLater(context, in: min(Self.drainTime, bodyTime)) }
        if waiting == 0 { progress = .now() }
        waiting += 1
        if stallCheck == nil { checkLater(context) }
        let done = promise ?? context.eventLoop.makePromise()
        let box = NIOLoopBound(self, eventLoop: context.eventLoop)
        done.futureResult.whenComplete { _ in
            box.value.waiting -= 1
            box.value.progress = .now()
        }
        context.write(data, promise: done)
    }

    private func checkLater(_ context: ChannelHandlerContext) {
        let box = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        stallCheck = context.eventLoop.scheduleTask(in: stallTime) {
            let (handler, context) = box.value
            handler.stallCheck = nil
            guard handler.waiting > 0 else { return }
            if NIODeadline.now() - handler.progress >= handler.stallTime {
                context.close(promise: nil)
            } else {
                handler.checkLater(context)
            }
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        cancel()
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { cancel() }

    private func cancel() {
        bodyDeadline?.cancel()
        stallCheck?.cancel()
        bodyDeadline = nil
        stallCheck = nil
    }
}

// Its state belongs to the event loop of its channel, and is touched only there.
@available(*, unavailable)
extension PaceHandler: Sendable {}
