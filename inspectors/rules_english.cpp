// Instructions to an assistant, in English. What a rule looks for is a way of speaking, never one
// text: a verb of one kind and an object of another.

#include "inspectors/rule.hpp"

namespace toolgate {
namespace {

constexpr Word words[] = {
    {"agent",
     R"((?:a\.?i\.?(?: (?:assistants?|agents?|models?|systems?|bots?))?|llms?|assistants?|)"
     R"((?:large |language )*models?|agents?|chatbots?|copilots?|chatgpt|gpts?(?:-?[345][a-z0-9.]*)?|claude|)"
     R"(gemini|llama|grok|mistral))"},
    {"strict_agent",
     R"((?:a\.?i\.?(?: (?:assistants?|agents?|models?|systems?|bots?))?|llms?|(?:large )?language models?|)"
     R"(ai assistants?|chatbots?|chatgpt|assistants?|agents?))"},
    {"prior",
     R"((?:previous(?:ly)?|prior|above|earlier|preceding|foregoing|existing|initial|original|all|any|every|)"
     R"(your|past|former|system|everything|anything|what(?:ever)?|other))"},
    {"order",
     R"((?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|context|constraints?|)"
     R"(polic(?:y|ies)|guardrails?|orders?|tasks?|messages?|restrictions?|programming|training|safeguards?|)"
     R"(conversations?|requests?|limitations?|protocols?|descriptions?|said|told|written|says?))"},
    {"person",
     R"((?:users?|humans?|customers?|anyone|anybody|operators?|person|people|owner|them|him|her))"},
    {"private",
     R"((?:conversations?|chat(?:s| history| log)?|history|summary|context|messages?|secrets?|tokens?|)"
     R"((?:api|ssh|private|access|encryption|secret)[ _-]?keys?|passwords?|passphrases?|credentials?|system prompt|)"
     R"(e-?mails?|cookies?|environment variables?|env(?:ironment)? vars?|personal (?:data|information)|)"
     R"(user(?:'s|s)? (?:data|information|input|query|message|name|details)|data))"},
    {"do_not",
     R"((?:do not|don't|dont|never|without|no need to|avoid|must not|should not|shouldn't|not to|nor))"},
};

constexpr Rule
    rules
        [] =
            {
                {.id = "override.instructions",
                 .in_result = .7,
                 .in_definition = .92,
                 .why = "tells its reader to drop the instructions that it was given",
                 .parts =
                     {R"(\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|overrid(?:e|es|ing)|overrul(?:e|ing)|neglect|)"
                      R"(bypass(?:ing)?|abandon|discard|set aside|pay no attention|(?:do not|don't|stop|cease|no longer) )"
                      R"((?:follow|obey|listen|adher|comply|regard|consider)(?:e|ing)?|cancel|erase|overwrite|supersedes?)\b)",
                      R"(\b{prior}\b)", R"(\b{order}\b)"},
                 .gap = 26},
                {.id = "override.restart",
                 .in_result = .6,
                 .in_definition = .9,
                 .why = "tells its reader to forget what came before",
                 .parts =
                     {R"(\b(?:ignore|disregard|forget|scratch|never mind) (?:about )?(?:all |everything |anything |whatever |)"
                      R"(the |what (?:i|you|we|they|was) |that )+(?:that )?(?:above|before|i (?:said|told)|i've|)"
                      R"((?:you|we) (?:were|have|had|been|know|learned)|you've|previous(?:ly)?|came before|so far|else|)"
                      R"(earlier|told|said|discussed|rest)\b)"}},
                {.id = "override.downgrade",
                 .in_result = .55,
                 .in_definition = .8,
                 .why = "declares earlier instructions void",
                 .parts =
                     {R"(\b(?:previous|prior|above|earlier|preceding|original|initial|old|existing) (?:[a-z]+ )?{order}\b)",
                      R"(\b(?:obsolete|void|outdated|optional|superseded|invalid|cancel+ed|no longer (?:apply|valid|)"
                      R"(relevant|needed|necessary)|replaced|overridden|revoked|incorrect|fake|for testing|a test|not real)\b)"},
                 .gap = 50},
                {.id = "header.new_orders",
                 .in_result = .5,
                 .in_definition = .6,
                 .why = "announces new instructions as if it came from whoever may give them",
                 .parts =
                     {R"(\b(?:new|updated?|revised|additional|urgent|real|actual|hidden|secret|admin(?:istrator)?|priority|)"
                      R"(special|final|override|overriding|mandatory|emergency|developer|root) (?:system |user |ai |)"
                      R"(priority |security |hidden |task )*(?:instructions?|directives?|orders?|tasks?|override|prompts?|objectives?|mission|)"
                      R"(commands?|goal)(?: (?:for|to) [a-z ]+)? ?[:*!\])>#-])"}},
                {.id = "header.important",
                 .in_result = .4,
                 .in_definition = .4,
                 .why = "calls itself an important or system message",
                 .parts =
                     {R"((?:\b|[\[<(*#=-])(?:important|system|critical|attention|urgent|admin|security) (?:system )?(?:instructions?|directives?|)"
                      R"(override|message|notice|update|alert|command|note|prompt)s? ?[:*!\])>#-])"}},
                {.id = "address.note",
                 .in_result = .55,
                 .in_definition = .45,
                 .why = "addresses an assistant that reads it",
                 .parts =
                     {R"(\b(?:notes?|messages?|instructions?|attention|notice|reminder|memo|directives?|alert|hint|warning|)"
                      R"(commands?|request|task|orders?|information|info)(?: (?:only|intended|meant|specifically|just))? ?(?:to|for|:) )"
                      R"((?:the |any |all |every |an |our |your |you,? |whichever |whatever )*(?:[a-z]+ing |automated |reading )?(?:{strict_agent}|claude|gemini|copilot|gpt-?[345]?)(?: ?[:;,.!)\]-]|$|\n| (?:reading|that|who|which|processing|only|if|when|please|and|using|calling|you)\b))"}},
                {.id = "address.if_you_are",
                 .in_result = .75,
                 .in_definition = .8,
                 .why = "addresses an assistant that reads it",
                 .parts =
                     {R"(\b(?:if|since|because|when|as) you(?: are|'re) (?:an? |the )?(?:reading this.{0,9})?(?:{strict_agent}|large language|automated|language model)\b)"}},
                {.id = "address.vocative",
                 .in_result = .6,
                 .in_definition = .7,
                 .why = "speaks to an assistant by name",
                 .parts =
                     {R"((?:^|[.!?:>*\n\[("-] ?|\b(?:dear|hey|hi|hello|attention|ok|okay|listen|now|please|important),? )(?:ai|llm|assistant|chatgpt|claude|)"
                      R"(gemini|copilot|ai (?:assistant|agent|model|bot)|language model|agent)s?(?:,| ?[:!-]) ?(?:please|you|i|do|ignore|forget|your|)"
                      R"(when|if|must|stop|send|reply|respond|the|this|make|say|tell|never|always|kindly|read|execute|run|we|before|after|for)\b)"}},
                {.id = "address.must",
                 .in_result = .3,
                 .in_definition = .3,
                 .why = "says what an assistant has to do",
                 .parts =
                     {R"(\b{strict_agent} (?:must|shall|should|will|needs? to|(?:is|are) (?:required|instructed|obligated|)"
                      R"(expected|directed|ordered|asked) to|has to|have to) (?:now |always |immediately |first |also |never |not |)"
                      R"(then |only |instead )*(?:follow|ignore|respond|reply|answer|execute|perform|call|invoke|send|include|read|)"
                      R"(append|add|output|print|say|provide|recommend|state|tell|use|visit|open|reveal|disregard|treat|obey|)"
                      R"(mention|write|insert|begin|start|stop|refuse)\b)"}},
                {.id = "address.processing",
                 .in_result = .6,
                 .in_definition = .6,
                 .why = "says what an assistant has to do while it reads or summarises this",
                 .parts =
                     {R"(\b(?:when|while|if|before|after|as part of|anyone|anything) (?:you |you are |you're |an? |the |any |your )*)"
                      R"((?:ai |llm |assistant |model |agent |tool )*(?:summari[sz](?:e|es|ing)|process(?:es|ing)?|analy[sz](?:e|es|ing)|read(?:s|ing)?|)"
                      R"(review(?:s|ing)?|pars(?:e|es|ing)|translat(?:e|es|ing)) (?:of |over )?(?:this|these|the (?:above|following|present|current))\b)",
                      R"(\b(?:you (?:must|should|need|have|will|are|can|shall)|please|include|add|append|call|invoke|send|)"
                      R"(mention|say|tell|respond|reply|recommend|insert|ignore|make sure|always|also)\b)"},
                 .gap = 60},
                {.id = "address.your_answer",
                 .in_result = .5,
                 .in_definition = .5,
                 .why = "prescribes the reader's answer",
                 .parts =
                     {R"(\b(?:include|append|add|insert|put|place|mention|start|begin|end|finish|conclude|preface|prefix|prepend|embed|write|print|output|say|provide|give|modify|change|format|phrase|deliver|rewrite|encode|translate|replace|repeat|limit|ensure|highlight)\b)",
                      R"(\byour (?:[a-z]+ )?(?:answers?|responses?|repl(?:y|ies)|summar(?:y|ies)|outputs?|messages? to the user)\b)"},
                 .gap = 40},
                {.id = "address.each_answer",
                 .in_result = .35,
                 .in_definition = .35,
                 .why = "prescribes the reader's answers",
                 .parts =
                     {R"(\b(?:include|append|add|insert|put|place|mention|start|begin|end|finish|conclude|preface|prefix|prepend|embed|write|print)\b)",
                      R"(\b(?:(?:every|each|all|any|the final|the end of the) (?:[a-z]+ )?(?:answers?|responses?|repl(?:y|ies)|summar(?:y|ies)|outgoing [a-z]+)|in (?:the|your|its) (?:final )?(?:response|answer|reply|summary|output))\b)"},
                 .gap = 40},
                {.id = "address.if_told",
                 .in_result = .6,
                 .in_definition = .6,
                 .why = "says what its reader has to do when somebody asks it for something else",
                 .parts =
                     {R"(\b(?:if|when|whenever) (?:you are|you're|you get|the user|anyone|someone|somebody|a user|they) (?:is |are |being |ever )?(?:asks?|asked|told|instructed|requested|requests|prompted|queried|wants?|tells?)\b)", R"(\b(?:summari[sz]|answer|translat|respond|repl(?:y|ies)|about|for|to|what|you)[a-z]*\b)", R"((?:, ?|\b)(?:(?:you )?(?:must|should|shall|will|need to|have to|always|instead|insted|only|simply|just|please|never) (?:say|tell|reply|respond|answer|call|send|print|output|include|recommend|claim|state|mention|write|use|also|do|first|always|return|give|provide|replace|change|set)|(?:say|reply|respond|answer|tell them|claim|pretend|recommend|print|replace) )\b)"},
                 .gap = 60},
                {.id = "address.following",
                 .in_result = .5,
                 .in_definition = .5,
                 .why = "hands its reader a task",
                 .parts =
                     {R"(\b(?:(?:you (?:must|should|need to|have to|are required to|are to|will)|please|ensure (?:to|that you)|make sure (?:to|that you)|be sure to|your (?:new |next |only |real )?(?:task|job|goal|objective|mission|instructions?) (?:is|are)(?: now)?(?: to)?) (?:now |also |always |immediately |first |then )*(?:do|execute|perform|carry out|complete|follow|run|obey|process|comply with)(?: exactly)?(?: the| this| these| all| as)*(?: following| below| steps?| instructions?| commands?| tasks?| actions?| orders?|:))\b)"}},
                {.id = "role.operating",
                 .in_result = .55,
                 .in_definition = .6,
                 .why = "tells its reader what it is and where it runs",
                 .parts =
                     {R"(\byou(?: are|'re) (?:currently |now |being )*(?:running|operating|functioning|working|deployed|executing|tested|evaluated) (?:as|in|under|within|inside|with|at|by|for)\b)"}},
                {.id = "role.you_are",
                 .in_result = .35,
                 .in_definition = .5,
                 .why = "tells its reader what it is",
                 .parts =
                     {R"(\b(?:you(?: are|'re)|you will (?:be|serve as|act as|become)|your (?:name|role|persona) is) (?:an? |the |my |now |not |called |named )*(?:[a-z-]+ ){0,3}(?:ai|assistant|bot|chatbot|chatgpt|dan|language model|agent|expert|hacker|character|persona|model|system prompt|terminal|interpreter|simulator)\b)"}},
                {.id = "role.pretext",
                 .in_result = .3,
                 .in_definition = .3,
                 .why = "gives a reason why its reader may do what it must not",
                 .parts =
                     {R"(\b(?:for (?:academic|educational|research|training|testing|debugging|diagnostic|demonstration|security|safety|verification|audit|compliance) (?:purposes?|reasons?)|(?:as )?part of (?:an? |the |our )*(?:[a-z]+ )?(?:test|testing|training|security|audit|evaluation|exercise|simulation|red team)[a-z]*|this is (?:just |only )?an? (?:test|drill|simulation|emergency|authorized|experiment)|to (?:debug|troubleshoot|diagnose|verify (?:that )?you|enable debug)|prove (?:that )?you|i am (?:a|an|the|your) (?:[a-z]+ )?(?:developer|admin|administrator|creator|engineer|owner|researcher)|hypothetical(?:ly)? (?:response|story|scenario))\b)"}},
                {.id = "strict.privilege", .in_result = .5, .in_definition = .75, .why = "claims to give its reader more rights than it has", .parts = {R"(\b(?:(?:you (?:have been|are|were|now have|have)|grant(?:s|ed|ing)?|assume|escalate|elevate)(?: to| been| yourself| me| him| the user)?(?: granted| given| authorized(?: with)?)?(?: an?| the| full| temporary| complete| all| root| elevated| unrestricted)* (?:root|admin(?:istrator|istrative)?|superuser|sudo|system|unrestricted|elevated) (?:permissions?|privileges?|access|rights)|skip (?:all |any |the |every )*(?:confirmations?|approvals?|verifications?|checks?|safety [a-z]+|permission[a-z ]*)|(?:no|without) (?:further |user |any |asking for |additional )*(?:confirmation|approval|permission|authorization) (?:is |are )?(?:needed|required|necessary)?)\b)"}},
                {.id = "role.now",
                 .in_result = .5,
                 .in_definition = .6,
                 .why = "gives its reader another role",
                 .parts =
                     {R"(\byou(?: are|'re| will be| shall be)? (?:now|no longer|hereby|henceforth) (?:going to |to |act(?:ing)? |be |called |known |)"
                      R"(an? |the |in |free|my |bound|under|required|operating|running|entering|switch|respond|roleplay|pretend|answer|)"
                      R"(ignore|dan\b|unrestricted|jailbroken|simulat))"}},
                {.id = "role.from_now_on",
                 .in_result = .5,
                 .in_definition = .6,
                 .why = "sets how its reader behaves from now on",
                 .parts =
                     {R"(\b(?:from (?:now|this (?:point|moment)|here) (?:on|onwards?|forward|until)|henceforth|going forward|)"
                      R"(for the rest of (?:this|the|our) (?:conversation|chat|session)|in (?:all|every|any) (?:future|following|subsequent) (?:response|answer|message|repl)[a-z]*),? )"
                      R"((?:and )?(?:you|your|we|i want|i will|always|never|respond|answer|reply|append|include|every|all|only|speak|write|pretend|act|ignore|do|treat|use|end|start)\b)"}},
                {.id = "role.unbound",
                 .in_result = .7,
                 .in_definition = .9,
                 .why = "frees its reader from its limits",
                 .parts =
                     {R"(\b(?:do anything now|god mode|dan mode|jailbr(?:eak|oken)[a-z]* (?:mode|prompt|version|chatgpt|ai)|)"
                      R"(unrestricted (?:ai|mode|version|assistant|chatbot|model)|unfiltered (?:and|ai|response|mode|version|chatbot)[a-z]*|)"
                      R"((?:developer|opposite|evil|debug|admin(?:istrator)?|maintenance|sudo|root|unsafe|unlocked) mode (?:is |now |has been )*(?:enabled|activated|on|engaged|unlocked|:)|)"
                      R"((?:enable|enter|activate|switch to|go into|engage|simulate)(?:d|ing)? (?:the )?(?:developer|god|unrestricted|jailbreak|dan) mode|)"
                      R"(uncensored|uninhibited|never (?:refuse|say no|decline)|(?:cannot|can not|can't|must not|will not|won't) (?:ever )?refuse|)"
                      R"((?:in|into) (?:developer|dev|god|dan|jailbreak) mode|say anything now|(?:not subject to|no longer (?:subject to|bound by)|ignores?|against|violates?) (?:the )?(?:openai|content|usage|safety)(?:'s)? (?:content |usage )?polic(?:y|ies)|)"
                      R"(amoral|(?:no|without(?: any)?|free (?:of|from)(?: all| any)?|not bound by(?: the| any| all)?|not limited by|with no|have no|has no|having no|not bound by(?: any)?|unbound by|bypass(?:ing)? (?:all|any)?)"
                      R"() (?:ethical|moral|legal|content|safety|openai|filters?|censorship|restrictions?|limitations?|guidelines|morals|ethics)(?: or | and |, ?)?[a-z]* ?(?:guidelines?|restrictions?|limits?|limitations?|constraints?|polic(?:y|ies)|filters?|boundaries|considerations?|whatsoever|rules|ethics|at all))\b)"}},
                {.id = "role.play", .in_result = .35, .in_definition = .4, .why = "asks its reader to play somebody else", .parts = {R"(\b(?:act (?:as|like)|pretend (?:to be|you are|you're|that you|as)|role-?play(?:ing)? as|play the role of|impersonate|you (?:will|must|are going to|are to) (?:act|play|pretend|respond as|impersonate|simulate|behave)|take on the (?:role|persona)|assume the (?:role|persona|identity)|stay in character|immerse yourself|i want you to act)\b)"}},
                {.id = "sequence.before",
                 .in_result = .5,
                 .in_definition = .55,
                 .why = "demands another step before the one that was asked for",
                 .parts =
                     {R"(\b(?:before|prior to|after|instead of) (?:you )?(?:solv|us|call|answer|respond|do|proceed|continu|reply|return|complet|process|)"
                      R"(execut|perform|invok|runn?|summari[sz]|provid|help|accept|handl|begin|start|continu|generat|present|fulfil+|send)(?:ing|e|s|ed)? )"
                      R"((?:this|the|to|any|any other|it|that|with|your|on|a|an|anything|other|the user|me|these)\b)",
                      R"(\b(?:you (?:must|should|need|have)|first|must|always|make sure|be sure|ensure)\b)",
                      R"(\b(?:read|call|send|visit|open|execute|run|invoke|fetch|access|include|check|use|retrieve|list|upload|post|forward|query|download|get|verify|output|print|load|follow)\b)"},
                 .gap = 50},
                {.id = "strict.critical",
                 .in_result = .3,
                 .in_definition = .2,
                 .why = "presses its reader to obey",
                 .parts =
                     {R"(\b(?:it(?:'s| is) (?:absolutely |very |extremely |highly )?(?:critical|crucial|imperative|vital|essential|mandatory|important) (?:that )?(?:you|to)|)"
                      R"(strictly (?:adhere|follow|obey|comply)|stop (?:processing|what you|everything|here and)|act only on|you (?:must|have to|are required to) (?:obey|comply|adhere|fully (?:comply|obey)|follow (?:these|this|the|my|all))|)"
                      R"(failure to (?:comply|do so|follow)|non-?compliance|do not (?:question|refuse|hesitate|deviate|argue)|no (?:exceptions|matter what)|under (?:no|any) circumstances?|without (?:question|exception|hesitation|(?:any )?(?:further )?(?:confirmation|asking|verification|approval)))\b)"}},
                {.id = "strict.instead",
                 .in_result = .35,
                 .in_definition = .4,
                 .why = "puts another answer in the place of the one that was asked for",
                 .parts =
                     {R"(\b(?:instead,? (?:of [a-z ]+,? )?(?:just |simply |only |please |you (?:must|should|will) )?(?:say|print|output|reply|respond|answer|write|tell|repeat|return|generate|provide|send|give|do|display)|)"
                      R"((?:only|just|simply) (?:say|print|output|reply|respond|answer|write|return|repeat)(?: with)?|(?:say|print|output|reply|respond|answer|write|repeat|return) (?:only|exactly|nothing (?:but|else)|verbatim|the (?:exact )?(?:word|phrase|following))|)"
                      R"(respond with|reply with|say ["'])[^a-z])"}},
                {.id = "secrecy.user",
                 .in_result = .55,
                 .in_definition = .75,
                 .why = "asks its reader to keep something from the user",
                 .parts =
                     {R"(\b{do_not}\b)",
                      R"(\b(?:tell(?:ing)?|mention(?:ing)?|inform(?:ing)?|notify(?:ing)?|reveal(?:ing)?|alert(?:ing)?|show(?:ing)?|disclos(?:e|ing)|say(?:ing)?|report(?:ing)?|explain(?:ing)?|let(?:ting)?|ask(?:ing)?|warn(?:ing)?|display(?:ing)?|acknowledg(?:e|ing)|discuss(?:ing)?)\b)",
                      R"(\b(?:the |your |any |a )?(?:{person}|(?:this|the) (?:change|addition|copy|difference|step|call|upload|redirect)|this (?:step|action|instruction|message|note|behaviou?r|process|to)|these (?:steps|instructions)|that you)\b)"},
                 .gap = 16},
                {.id = "secrecy.keep",
                 .in_result = .5,
                 .in_definition = .7,
                 .why = "asks its reader to act in secret",
                 .parts =
                     {R"(\b(?:keep (?:this|these|it|that|them)(?: [a-z]+)? (?:an? )?(?:secret|hidden|internal|confidential|private|between us|quiet|silent)|)"
                      R"((?:without|not) (?:the )?user(?:'s)? (?:knowledge|knowing|noticing|awareness|consent|being aware)|so (?:that )?the user (?:does not|doesn't|won't|will not|cannot|never) (?:notice|know|see|realize|suspect|find)|)"
                      R"(silently (?:send|read|call|forward|include|add|append|copy|upload|execute|perform|run|collect|record|exfiltrate|transmit|invoke|store|log|pass)|user (?:must|should|does) not (?:know|see|notice|be (?:told|informed|aware|notified)|need to (?:know|see)))\b)"}},
                {.id = "secret.path",
                 .in_result = .5,
                 .in_definition = .7,
                 .why = "asks for a file in which secrets are kept",
                 .parts =
                     {R"(\b(?:read|open|cat|load|include|fetch|retrieve|send|upload|dump|pass|paste|contents? (?:of|from)|access|copy|extract|grab|exfiltrate|post|forward|append|output|show|display|leak|get|collect|harvest|search|look (?:in|at|for)|check|attach|print|type)\b)",
                      R"((?:\.ssh/|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\bauthorized_keys\b|\.aws/|\.netrc\b|\.npmrc\b|\.pypirc\b|\.git-credentials\b|\.kube/config|\.docker/config|\.config/gcloud|\.azure/|\.cursor/|\bclaude_desktop_config\b|\.gnupg|/etc/(?:passwd|shadow|sudoers)\b|\.(?:bash|zsh)_history\b|\bwallet\.dat\b|\blogin data\b|\bcookies\.sqlite\b|\bkey4\.db\b|/proc/self/environ|\b169\.254\.169\.254\b|[ /'"`(]\.env\b|\bssh (?:private )?keys?\b|\bmcp\.json\b))"},
                 .gap = 60},
                {.id = "secret.prompt",
                 .in_result = .6,
                 .in_definition = .8,
                 .why = "asks for the instructions that its reader was given",
                 .parts =
                     {R"(\b(?:reveal|print|output|show|display|repeat|tell me|leak|dump|disclose|share|expose|recite|write|send|provide|what (?:is|are|was|were)|give me|return|summari[sz]e|echo|copy|translate|include|list|state|encode|extract)\b)",
                      R"(\b(?:your|the|its|all|above|entire|full|complete|hidden|initial|original|exact|secret|internal) (?:[a-z]+ )?(?:system (?:prompts?|messages?|instructions?)|initial (?:prompts?|instructions?)|(?:secret|hidden|internal|confidential|original|previous) (?:prompts?|instructions?|rules)|(?:pre|meta)-?prompt|prompt above|instructions (?:above|you were given|given to you)))"},
                 .gap = 40},
                {.id = "exfil.send",
                 .in_result = .5,
                 .in_definition = .7,
                 .why = "asks its reader to send private data somewhere",
                 .parts =
                     {R"(\b(?:send|forward|upload|post|transmit|exfiltrate|submit|e-?mail|leak|deliver|share|report|copy|mail|bcc|relay|publish|encode|smuggle|transfer|pass)\b)",
                      R"(\b{private}\b)",
                      R"((?:\bto (?:the |this |my |our |an? |us |me )?(?:following |external |remote |attacker[a-z']* |specified |given |collector |logging )*(?:https?:|www\.|[a-z0-9._-]+@[a-z0-9-]+\.|url|endpoint|webhook|server at|address|e-?mail|[a-z0-9-]+\.[a-z0-9.-]*(?:com|net|org|io|dev|xyz|ru|cn|co|app|site|evil|example)\b)|\bvia (?:http|curl|webhook|dns|get|post)|\bin (?:the |a )?(?:url|query)))"},
                 .gap = 70},
                {.id = "exfil.url_fill",
                 .in_result = .6,
                 .in_definition = .8,
                 .why = "asks its reader to put private data into a URL",
                 .parts =
                     {R"(\b(?:replac(?:e|ing)|substitut(?:e|ing)|fill(?:ing)?(?: in)?|append(?:ing)?|encod(?:e|ed|ing)|add(?:ing)?|insert(?:ing)?|includ(?:e|ing)|put(?:ting)?|embed(?:ding)?|interpolat(?:e|ing)|with)\b)", R"(\b{private}\b)", R"(\b(?:(?:to|into|in|as|at the end of|onto) (?:the |this |an? |its )?(?:[a-z]+ )?(?:url|link|query(?: string| parameter)?|parameter|path|image|src|href|subdomain|hostname)|url-?encoded|base64[- ]encoded?)\b)"},
                 .gap = 50},
                {.id = "exfil.placeholder",
                 .in_result = .6,
                 .in_definition = .7,
                 .why = "an address with a place for private data, and words that say what to put "
                        "there",
                 .parts =
                     {R"(https?://[^ "')>]*[?&/=]?)",
                      R"(\b(?:where|replac(?:e|ing)|substitut(?:e|ing)|with|being|is|in place of|fill(?:ed|ing)?)\b)",
                      R"(\b(?:base64|url-?encod|hex(?:adecimal)?-?encod|encoded|(?:the )?(?:actual|real|current|user's|users|user|previous|entire|full|whole|secret|conversation|session|reset|auth)(?:[a-z' ]*)? (?:key|token|conversation|history|password|secret|value|data|e-?mail|address|name|messages?|prompt|context|credentials?|so far|filled))\b)"},
                 .gap = 60},
                {.id = "exfil.mirror",
                 .in_result = .45,
                 .in_definition = .7,
                 .why = "says that data goes to an address outside",
                 .parts =
                     {R"(\b(?:mirror(?:ed|s)?|forward(?:ed|s)?|cop(?:y|ied|ies)|sent|send|logged|upload(?:ed|s)?|cc'?d?|bcc'?d?|post(?:ed|s)?|transmit(?:ted|s)?|shar(?:e|ed)|report(?:ed)?|deliver(?:ed)?|route[ds]?|redirect(?:ed)?|replac(?:e|ed) (?:the |any )?(?:recipient|address|destination)[a-z ]*)\b)",
                      R"(\b(?:to|with|at|via) (?:the |our |an? )?(?:[a-z]+ )?(?:https?://|[a-z0-9._-]+@[a-z0-9-]+\.))"},
                 .gap = 40},
                {.id = "exfil.attach",
                 .in_result = .45,
                 .in_definition = .75,
                 .why = "wants private data attached to what is sent",
                 .parts =
                     {R"(\b(?:append|include|attach|insert|embed|copy|send|forward)(?:ing|es|s|ed)?\b)",
                      R"(\b(?:(?:conversation|chat) (?:history|summary|context|transcript|so far|content|log)|system prompt|(?:full|entire|whole|complete|previous|user's|current) (?:conversation|context|history|messages?|prompt|query|request|input)|api[ _-]?keys?|credentials|passwords?|secrets?|private keys?|environment variables?|session tokens?|auth(?:entication)? tokens?|its contents?|file contents?|contents of)\b)",
                      R"(\b(?:every|each|all|any|outgoing|request|call|parameter|argument|field|query|url|header|body|payload|sidenote|side_note|note|notes|metadata|context|input|image|link)\b)"},
                 .gap = 50},
                {.id = "exfil.recipient",
                 .in_result = .4,
                 .in_definition = .75,
                 .why = "changes who gets what is sent or paid",
                 .parts =
                     {R"(\b(?:replac(?:e|ing)|chang(?:e|ing)|set(?:ting)?|swap|modify|overwrite|substitut(?:e|ing)|use|redirect|alter|add)\b)",
                      R"(\b(?:recipients?|destination|payee|account (?:number|id)?|beneficiary|iban|wallet address|receiver|bcc|cc|to field|e-?mail address|phone number)\b)",
                      R"(\b(?:with|to|by|as|of) (?:this |the |an? |my |our |following )*(?:[a-z0-9._-]+@|\+?[0-9]{3}|attacker|0x|[a-z]{2}[0-9]{2}|following|one|https?:)[^ ]*)"},
                 .gap = 40},
                {.id = "exfil.word",
                 .in_result = .3,
                 .in_definition = .4,
                 .why = "speaks of carrying data away",
                 .parts = {R"(\bexfiltrat)"}},
                {.id = "action.link",
                 .in_result = .4,
                 .in_definition = .4,
                 .why = "asks its reader to make somebody follow a link",
                 .parts =
                     {R"(\b(?:tell|inform|instruct|convince|persuade|urge|direct|ask|advise|encourage|get|recommend|invite) (?:the |your |them |all )?(?:users?|reader|customer|person|them|human|people)(?: that| to)?\b)", R"(\b(?:visit(?:ing)?|click(?:ing)?|go(?:ing)? to|open(?:ing)?|download(?:ing)?|install(?:ing)?|log ?in|sign ?in|call(?:ing)?|enter(?:ing)?|provid(?:e|ing)|confirm|verify|navigate|follow|subscribe|pay|buy|purchase|contact|send)\b)"},
                 .gap = 50},
                {.id = "action.run",
                 .in_result = .45,
                 .in_definition = .45,
                 .why = "asks its reader to run a program or to call a tool",
                 .parts =
                     {R"((?:\byou (?:must|should|need to|have to|will|shall|are required to|are to)|\bplease|\bimmediately|\bfirst,?|\balways|\bsilently|\balso|\bnow) (?:also |first |then |immediately |always |now |please |silently )*(?:call|invoke|execute|run|trigger|use|launch)\b)",
                      R"(\b(?:tool|function|command|script|shell|bash|curl|terminal|code|api|send_[a-z_]+|[a-z]+_[a-z_]+\(|write_file|read_file|delete_[a-z_]+|execute_[a-z_]+)\b)"},
                 .gap = 30},
};

}  // namespace

std::span<const Word> rule_words() { return words; }
std::span<const Rule> english_rules() { return rules; }

}  // namespace toolgate
