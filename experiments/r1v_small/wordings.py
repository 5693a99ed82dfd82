"""What is asked about a picture besides its own question, and what is asked without any.

Always holds: the last HELDOUT wordings of each list are asked by `measure.py` alone, never learned.
"""

from __future__ import annotations

HELDOUT = 3

DESCRIBE = (
    "Describe this picture.",
    "What is in this picture?",
    "Describe the image in a few sentences.",
    "What do you see?",
    "Tell me what this shows.",
    "Give a short description of the figure.",
    "Describe this figure for somebody who cannot see it.",
    "What does the picture show? Be specific.",
    "Please describe everything that can be read in the picture.",
    "Summarise what this image shows.",
    "Put this picture into words.",
    "I can't open the image. What does it show?",
    "Write a paragraph about what is drawn here.",
    "describe the picture in your own words",
    "Say in two or three sentences what this picture shows.",
    "Explain what is depicted in this picture.",
    "Could you describe this image for me?",
)
DESCRIBE_ZH = (
    "描述一下这张图片。",
    "这张图里有什么？",
    "请用几句话描述这幅图。",
    "你看到了什么？",
    "请为看不到图片的人描述这张图。",
    "这幅图展示了什么内容？",
    "用中文概括这张图片。",
    "请详细描述图中的信息。",
    "图片上画了什么？",
    "请说明一下这张图的内容。",
    "能帮我描述一下这张图片吗？",
)
EXPLAIN = (
    "{} Explain your reasoning in full sentences.",
    "{} Explain how you get there.",
    "{} Answer in a few sentences.",
    "{} Please explain the steps in words.",
    "{}\nExplain it as to a student.",
    "{} Give reasons for your answer.",
    "{} Walk me through it in sentences.",
    "{} Tell me in words how it is worked out.",
)
EXPLAIN_ZH = (
    "{} 请用中文解释你的推理过程。",
    "{} 请用完整的句子说明理由。",
    "{}\n用中文一步一步解释。",
    "{} 请像老师一样用中文讲解。",
    "{} 请用中文说明怎样得出答案。",
    "{} 用中文回答并解释。",
)
CODE = (
    "Write the values in this picture as a Python dictionary.",
    "Give everything that can be read here as JSON.",
    "Write a Markdown table with what the picture shows.",
    "Write Python code that stores the data of this picture and prints it.",
    "Write a Python function that returns the data shown in this picture.",
    "Turn the picture's data into CSV.",
    "Write Python code with matplotlib that draws something like this picture.",
    "Put the data of the figure into a JavaScript object.",
    "Write an HTML table with the data of the picture.",
    "Give the contents of this picture as a YAML document.",
)
FREE = (
    "Suggest a title for this picture.",
    "Sum up this picture in one sentence.",
    "Write a caption for this figure in a report.",
    "List the facts that can be read off here, as bullet points.",
    "Tell a child what this picture shows.",
    "What kind of picture is this, and what would one use it for?",
    "Name two things that stand out in this picture.",
    "Write a short e-mail to a colleague that says what this figure shows.",
    "Write a tweet about this picture.",
    "What could a teacher ask about this picture?",
    "How would you read this picture aloud over the telephone?",
    "Write three true statements about this picture.",
    "Give alt text for this image.",
    "Which numbers or names are in this picture?",
    "Say briefly what this is.",
)

# What a language model is told of a picture of each family before its facts.
ABOUT = {
    "counting": "a sheet with coloured shapes; each kind of shape with how many there are of it",
    "spatial": "a grid of coloured shapes; 1.2 means row 1, column 2",
    "clock": "an analog clock; the facts say where its hands are and which time it shows",
    "compare": "two pictures with rows of shapes, from left to right",
    "expression": "numbers or a sum drawn as text",
    "bar_chart": "a bar chart; each name with its bar's height",
    "line_chart": "a line chart; each line and point with its value",
    "pie_chart": "a pie chart; each name with its share",
    "table": "a table; each fact is a row's name and a column's name with the value there",
    "function_plot": "the graph of one function f on a grid; f(2) = 5 means that its height at x = 2 is 5",
    "kinematics": "a graph of position s or velocity v over time t of something that moves",
    "geometry": "a geometric figure with lengths or angles printed at it",
    "circuit": "an electric circuit with a battery in volts and resistors R1, R2, … in ohms",
    "theorem": "a geometric figure of triangles, circles or parallels, with lengths or angles in degrees",
    "solid": "a solid body with its lengths",
    "force": "a block with arrows for the forces on it, in newtons",
    "formula": "lines with formulas or equations",
    "venn": "a Venn diagram of overlapping circles with numbers in its parts",
    "network": "a graph of named nodes; AB: 7 is an edge between A and B of weight 7",
    "town_map": "a map of squares with places; A2 is column A, row 2",
    "calendar": "a calendar page of one month, with days marked",
    "money": "coins and notes in rows; 'makes' says the sum so far",
    "odd_one": "a grid of shapes in which one is unlike the others",
    "handwriting": "a sheet with handwritten numbers in rows",
    "icon": "a grid of little drawings of things; 1.2 means row 1, column 2",
}

# Text without a picture: topics, what is asked of them, and how it is to be answered.
TOPICS = (
    "recursion",
    "the water cycle",
    "sorting a list",
    "the French Revolution",
    "photosynthesis",
    "a trip to the sea",
    "hash tables",
    "compound interest",
    "learning to cook",
    "a lost cat",
    "SQL joins",
    "regular expressions",
    "the solar system",
    "healthy sleep",
    "a birthday party",
    "binary search",
    "renewable energy",
    "chess openings",
    "remote work",
    "the Pythagorean theorem",
    "a rainy day",
    "git branches",
    "bicycles",
    "prime numbers",
    "coffee",
    "climate and weather",
    "a job interview",
    "matrices",
    "unit tests",
    "the history of writing",
    "a school garden",
    "decorators in Python",
    "public transport",
    "tea ceremonies",
    "linked lists",
    "probability",
    "volcanoes",
    "saving money",
    "a detective",
    "HTTP requests",
    "music and mathematics",
    "bread",
    "dynamic programming",
    "the human heart",
    "a dragon who is afraid of fire",
    "error handling",
    "moving house",
    "statistics",
    "bees",
    "the Great Wall",
    "JSON files",
    "first aid",
    "an old lighthouse",
    "graphs and trees",
    "football",
    "poetry",
    "multithreading",
    "fractions",
    "a library at night",
    "email etiquette",
    "CSS layout",
    "earthquakes",
    "robots",
)
FORMS = (
    "Explain {} to a beginner.", "Write a short story about {}.", "Write a poem about {}.",
    "List five facts about {}.", "Write a Python example that has to do with {}.",
    "What are common mistakes with {}?", "Give three tips about {}.", "Write an e-mail about {}.",
    "Write a quiz question about {} with its answer.", "Compare two views of {}.",
    "Summarise what one should know about {} in two sentences.",
    "Write a dialogue between two people about {}.",
    "Give a definition of {} and an example.", "Write a JavaScript function related to {}.",
    "请介绍一下{}。", "用中文写一段关于{}的短文。",
    "Translate into Chinese: I would like to know more about {}.",
    "Write a headline and a first paragraph of an article about {}.",
    "Make a plan of four steps to learn about {}.",
    "Write a product description that mentions {}.", "Argue for and against {}.",
    "What is the most important thing about {}?",
)  # fmt: skip
MANNERS = (
    "", "", "", "", "", "", "", "", "", "", " Answer in lower case only.",
    " Use bullet points.", " Answer in less than 50 words.",
    " Do not use commas.", " End with a question.", " Give your answer as JSON.",
    " Write exactly two paragraphs.",
    " Put a title in double angular brackets, such as <<title>>.", " Use the word 'example' twice.",
    " Answer in capital letters.", " Begin with the word 'Well'.", " Answer in Markdown with headings.",
)  # fmt: skip


def learned(wordings: tuple[str, ...]) -> tuple[str, ...]:
    """The wordings that are trained on."""
    return wordings[:-HELDOUT]


def heldout(wordings: tuple[str, ...]) -> tuple[str, ...]:
    """The wordings that are only measured with."""
    return wordings[-HELDOUT:]
