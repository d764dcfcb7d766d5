"""The one thread that owns the model: it analyses posts in batches and answers chats in between.

The tokenizer is its own too. Whether special tokens are read in a text is a switch on the tokenizer itself, so a second
thread could turn it while a post is being encoded.
"""

import math
import threading
import time
from collections import deque
from concurrent.futures import Future

from mentalglm.analysis import Analysis
from mentalglm.analyzer import Analyzer
from mentalglm.models import LoadedModel
from mentalglm.options import Options
from mentalglm.server.chat_batch import ChatBatch
from mentalglm.server.chat_job import CANCELLED, ChatJob, Event, Finished
from mentalglm.server.metrics import Metrics
from mentalglm.server.post import Post, take_alike
from mentalglm.server.problem import Problem
from mentalglm.server.settings import Settings

# Clients that were answered together ask again together: a moment's wait puts them into one batch again.
_QUIET, _LONGEST_WAIT = 0.004, 0.04


class Worker:
    """Takes posts and chats from any thread.

    Attributes:
        analyzer: For questions about tasks; only the worker may analyse with it.
    """

    def __init__(self, loaded: LoadedModel, style: str | None, settings: Settings, metrics: Metrics) -> None:
        self.analyzer = Analyzer(loaded, style, settings.batch_size, settings.abstain)
        if settings.abstain and self.analyzer.tasks:
            self.analyzer.check_tasks(["all"])  # a model that was not calibrated to abstain is refused at the start
        self.name = loaded.name
        self._settings, self._metrics = settings, metrics
        self._chat = ChatBatch(loaded)
        self._posts: list[Post] = []
        self._jobs: deque[ChatJob] = deque()
        self._wake = threading.Condition()
        self._in_hand = 0
        self._closed = False
        self._pace = 0.1  # seconds per answer, of late
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        metrics.watch("mentalglm_in_hand", lambda: self._in_hand)
        metrics.watch("mentalglm_chats", lambda: len(self._chat.rows))

    @property
    def grammar_tokenizer(self) -> object:
        """What grammars are read with."""
        return self._chat.grammar_tokenizer

    @property
    def alive(self) -> bool:
        """Whether it can answer."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def warm_up(self) -> None:
        """Analyses one sentence and waits for it: the first use of a grammar and of a batch takes seconds."""
        tasks = self.analyzer.tasks[:1]
        if tasks:
            self.analyze(["今天天气很好。"], tasks, {})[0].result()

    def close(self, seconds: float) -> None:
        """Takes nothing more, and waits until all that was accepted is done, but no longer than ``seconds``."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(seconds)

    def analyze(self, texts: list[str], tasks: list[str], options: Options) -> "list[Future[list[Analysis]]]":
        """Puts posts into the queue; each one's analyses come by task as given.

        Raises:
            Problem: There is too much in hand, or the server is stopping.
        """
        posts = [Post(text, tuple(tasks), options) for text in texts]
        with self._wake:
            self._admit(len(posts) * len(tasks))
            self._posts.extend(posts)
            self._wake.notify()
        for post in posts:
            post.answers.add_done_callback(lambda _: self._release(len(tasks)))
        return [post.answers for post in posts]

    def chat(self, job: ChatJob) -> None:
        """Puts a chat into the queue.

        Raises:
            Problem: There is too much in hand, or the server is stopping.
        """
        tell = job.emit

        def emit(event: Event) -> None:
            if isinstance(event, Finished | Problem):
                self._release(1)
            if isinstance(event, Finished):
                self._metrics.count("mentalglm_chat_tokens_total", event.tokens, kind="completion")
            tell(event)

        with self._wake:
            self._admit(1)
            job.emit = emit
            self._jobs.append(job)
            self._wake.notify()

    def _admit(self, answers: int) -> None:
        if self._closed:
            raise Problem(503, "stopping", "the server is stopping; try again when it is back", retry_after=5)
        # A request that is large, but within the limits of a request, must get in when nothing else is in hand.
        if self._in_hand and self._in_hand + answers > self._settings.max_waiting:
            wait = min(60, max(1, math.ceil(self._in_hand * self._pace)))
            raise Problem(429, "overloaded", f"too much is waiting; try again in {wait} s", retry_after=wait)
        self._in_hand += answers

    def _release(self, answers: int) -> None:
        with self._wake:
            self._in_hand -= answers

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._posts or self._jobs or self._chat.rows or self._closed):
                    self._wake.wait()
                if not (self._posts or self._jobs or self._chat.rows):
                    return
            began = time.monotonic()
            if self._posts:
                self._analyze_some()
            # Chats then get as much time as the posts took, and all of it while no post waits.
            until = time.monotonic() + (time.monotonic() - began)
            self._welcome_chats()
            while self._chat.rows:
                self._write_on()
                self._welcome_chats()
                if self._posts and time.monotonic() >= until:
                    break

    def _analyze_some(self) -> None:
        if not self._chat.rows:
            self._wait_for_company()
        with self._wake:
            # More than are read at once: those that wait take the places of answers that are done.
            batch, self._posts = take_alike(self._posts, 2 * self._settings.batch_size)
        # A post whose asker has gone is left out.
        batch = [post for post in batch if post.answers.set_running_or_notify_cancel()]
        if not batch:
            return
        began = time.monotonic()
        self._analyze(batch)
        taken = (time.monotonic() - began) / (len(batch) * len(batch[0].tasks))
        self._pace += 0.3 * (taken - self._pace)

    def _wait_for_company(self) -> None:
        until = time.monotonic() + _LONGEST_WAIT
        with self._wake:
            count = 0
            while count < len(self._posts) < 4 * self._settings.batch_size and time.monotonic() < until:
                count = len(self._posts)
                self._wake.wait(_QUIET)

    def _analyze(self, batch: list[Post]) -> None:
        """Analyses posts of one kind; if that fails, by halves, so that one post cannot spoil another's answer."""
        tasks = list(batch[0].tasks)
        try:
            answers = self.analyzer.analyze([post.text for post in batch], tasks, **batch[0].options)
        except Exception as error:
            self._metrics.count("mentalglm_failures_total")
            if len(batch) == 1:
                batch[0].answers.set_exception(error)
                return
            half = len(batch) // 2
            self._analyze(batch[:half])
            self._analyze(batch[half:])
            return
        self._metrics.observe("mentalglm_batch_posts", len(batch))
        for name in tasks:
            self._metrics.count("mentalglm_analyses_total", len(batch), task=name)
        for place, post in enumerate(batch):
            post.answers.set_result(answers[place * len(tasks) : (place + 1) * len(tasks)])

    def _welcome_chats(self) -> None:
        while self._jobs and len(self._chat.rows) < self._settings.batch_size:
            job = self._jobs.popleft()
            if job.cancelled:
                job.emit(CANCELLED)
                continue
            self._metrics.count("mentalglm_chat_tokens_total", self._chat.add(job), kind="prompt")

    def _write_on(self) -> None:
        try:
            self._chat.step()
        except Exception as error:
            self._metrics.count("mentalglm_failures_total")
            self._chat.drop(error)
